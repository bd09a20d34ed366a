"""Changes over several models; every action is one transaction."""
