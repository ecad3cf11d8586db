"""Calls, mails, meetings and what else is done about an opportunity; the five steps of a follow-up."""
