"""What is packed in an archive, and its bytes: zip and tar, without a file being written."""
