"""Which rows show the same thing: equal ones, changed copies, neighbours."""
