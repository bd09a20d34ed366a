"""From chosen features to a tree of work that can be built, node by node."""
