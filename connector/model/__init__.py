"""Values shared by every room: frozen dataclasses and enums, standard library only."""
