"""What everyone may use; it knows no batch."""
