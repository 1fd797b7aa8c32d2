"""What is done to every row, one file a stage; `order.py` finds them in this folder."""
