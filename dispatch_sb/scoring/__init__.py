"""From scores to what they say: paired differences and their intervals.

Authors
 * The dispatch-sb contributors, 2026
"""
