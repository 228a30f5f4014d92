"""The page that shows a comparison: one HTML file with tables, curves and the pixels."""
