"""Trials and what they prove. Clock and randomness are passed in."""
