"""What a person does to messages: archive, delete, move, flag, mark as read, and take it back."""
