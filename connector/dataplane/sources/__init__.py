"""Where data comes from: `Source` says what something is and opens it as a `Body`."""
