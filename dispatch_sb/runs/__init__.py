"""What a run leaves behind, read in one place.

Authors
 * The dispatch-sb contributors, 2026
"""
