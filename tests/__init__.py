"""The tests of Outrigger: real servers, a real encrypted database, no mocks."""
