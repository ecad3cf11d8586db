"""How soon a lead was answered: timers in business hours of its region."""
