"""Hand-written fakes, real servers and data that the tests share."""
