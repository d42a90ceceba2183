"""What every layer speaks: nouns, legal state changes, time, errors, events and ports."""
