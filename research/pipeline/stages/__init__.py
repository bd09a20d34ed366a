"""One class per stage. A stage computes from the context; publishing and order are the runner's."""
