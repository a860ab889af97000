"""What each signal is made of: its records, the peer that counts, its windows and words."""
