"""Where every pixel goes: cutting out, scaling, turning, and straightening what lens and mounting did."""
