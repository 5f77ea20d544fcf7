"""What buyers pay: effective prices with their trace (`price`), what promotions offer (`offer`) and when
(`calendar`), the lowest that one buyer can reach (`lowest`), by what a store holds beside what is declared
(`standing`); floors and margins with their fees; the prices of the thirty days before; reductions and
exchange rates.
"""
