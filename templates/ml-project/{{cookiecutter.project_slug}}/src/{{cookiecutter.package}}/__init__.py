"""Predicts at scheduled departure whether a flight will arrive late."""
