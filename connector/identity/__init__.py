"""Keys, JOSE, did:web and the tokens that say who is asking."""
