"""What an inventory may say: read from the roles, and held against what it says. All of it runs on the control node."""
