"""Drawings of networks: from a graph to a figure, and from a figure to SVG, PNG, Mermaid and DOT."""
