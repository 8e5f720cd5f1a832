/* open

 ; 