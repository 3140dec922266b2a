"""Models at work on many files, for later use.

Authors
 * The dispatch-sb contributors, 2026
"""
