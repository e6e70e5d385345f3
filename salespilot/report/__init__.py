"""What comes out of a run: executed notebooks, printed pages, PDF, Excel, JSON and the index of them all."""
