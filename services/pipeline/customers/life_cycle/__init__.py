"""Life cycle: in which of five phases an account is, since when, and which record decides it."""
