"""When content is due: rhythm, slot allocation, times as the owner writes them."""
