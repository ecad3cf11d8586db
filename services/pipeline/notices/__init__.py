"""What people are told: warnings and alerts about opportunities."""
