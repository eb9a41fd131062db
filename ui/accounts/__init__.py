"""The pages that add, show and remove mail accounts and Salesforce logins."""
