"""The public pages that the server renders: HTML with a drawing, and a little JavaScript that nothing depends on."""
