"""Services whose requests have users, as the middlewares meet them."""
