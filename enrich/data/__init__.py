"""The region table and the script that derives it from Natural Earth."""
