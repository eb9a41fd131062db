"""One vendor library a file. Only the composition root imports this package."""
