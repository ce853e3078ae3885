"""How two sets of score rows are compared; shared by checks of several stages."""
