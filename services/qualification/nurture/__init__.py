"""What is done for a lead that has no immediate need, until it has one."""
