"""What bench/vision.py is made of; nothing here is run by itself but the two loops."""
