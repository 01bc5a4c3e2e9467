"""What is drawn on top of a picture: text, time, logos, shapes, numbers from elsewhere."""
