"""When content is due: the account's daily rhythm, slot allocation, times as an owner writes them. Pure."""
