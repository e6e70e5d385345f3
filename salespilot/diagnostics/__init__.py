"""Diagnostics: each measures one question of the steering of a sales force, and says what it found."""
