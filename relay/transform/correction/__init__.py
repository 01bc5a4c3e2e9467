"""What light, noise, fog and old cameras did to a picture, made good."""
