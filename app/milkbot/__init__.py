"""Milkbot: trades daily-temperature markets for one operator."""
