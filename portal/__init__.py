"""The portal: settings, the parts that every app shares, and the pages that read across apps."""
