"""The checks, one record in one file each, in folders by stage; `registry` finds them."""
