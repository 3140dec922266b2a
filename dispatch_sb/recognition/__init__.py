"""Word error rates: does enhancement help a recogniser?

Authors
 * The dispatch-sb contributors, 2026
"""
