"""The generated pages of the site, made of the case folders and of what was measured on them."""
