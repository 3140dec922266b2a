"""Training: recipe files, the Brain, and what keeps its course.

Authors
 * The dispatch-sb contributors, 2026
"""
