"""What `stemd doctor` knows: `facts` says what is here, `findings` what that means."""
