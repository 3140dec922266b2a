"""A page to try a student: audio in, what student and teacher make of it, and
where the teacher was followed. All but `gradio_page` works without Gradio.

Authors
 * The dispatch-sb contributors, 2026
"""
