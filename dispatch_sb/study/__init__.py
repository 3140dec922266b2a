"""Studies: many trainings by plan, and what they say together.

Authors
 * The dispatch-sb contributors, 2026
"""
