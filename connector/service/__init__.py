"""The use cases: load -> authorise -> decide -> commit -> wake the sender."""
