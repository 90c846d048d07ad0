"""What a person reads out of written English."""

import pytest

from services.tts.normalize import en

READ = [
    ("Your order FD-20418 has left.", "Your order F D, two zero four one eight, has left."),
    ("Order number 20418.", "Order number two zero four one eight."),
    ("Ticket #5567 is open.", "Ticket five five six seven is open."),
    ("Your PIN is 4471.", "Your PIN is four four seven one."),
    ("Serial AB12CD34.", "Serial A B, one two, C D, three four."),
    ("Parcel 123456789.", "Parcel one two three four five six seven eight nine."),
    ("It costs $39.99.", "It costs thirty-nine dollars and ninety-nine cents."),
    ("Only $1.", "Only one dollar."),
    ("From $0.99.", "From ninety-nine cents."),
    ("That is £1.50.", "That is one pound and fifty pence."),
    ("€20 or ¥299.", "twenty euros or two hundred and ninety-nine yuan."),
    ("100 USD", "one hundred dollars"),
    ("$1,299.00", "one thousand two hundred and ninety-nine dollars"),
    ("a $5M order", "a five million dollars order"),
    ("March 5, 2026", "March fifth, twenty twenty six"),
    ("5 March 2026", "the fifth of March, twenty twenty six"),
    ("2026-03-05", "March fifth, twenty twenty six"),
    ("12/25/2025", "December twenty-fifth, twenty twenty five"),
    ("since 2019", "since twenty nineteen"),
    ("at 3:30 pm", "at three thirty PM"),
    ("at 9am", "at nine AM"),
    ("at 10:05", "at ten oh five"),
    ("at 9:00", "at nine o'clock"),
    ("3-5 days", "three to five days"),
    ("50% off", "fifty percent off"),
    ("12.5%", "twelve point five percent"),
    ("-5°C", "minus five degrees Celsius"),
    ("2.4 GHz", "two point four gigahertz"),
    ("a 30W plug", "a thirty watts plug"),
    ("open 24/7", "open twenty-four seven"),
    ("1/2 cup", "half cup"),
    ("2,500,000 units", "two million five hundred thousand units"),
    ("the 1st and 22nd", "the first and twenty-second"),
    ("Call (555) 123-4567.", "Call five five five, one two three, four five six seven."),
    ("Call 1-800-555-0199.", "Call one, eight zero zero, five five five, zero one nine nine."),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("Mail help@lumen-shop.com.", "Mail help at lumen dash shop dot com."),
    ("See https://www.lumen.example/returns.", "See lumen dot example slash returns."),
    ("Dr. Smith vs. Mr. Jones", "Doctor Smith versus Mister Jones"),
    ("phones, e.g. ours", "phones, for example ours"),
    ("salt & pepper", "salt and pepper"),
    ("The answer is no.", "The answer is no."),
    ("Version 2.4.1", "Version two point four point one"),
    ("Hello 😀 **there** `you`", "Hello there you"),
    ("[our page](https://x.example/y) helps", "our page helps"),
    ("It’s “fine”", "It's “fine”"),
    ("5G and Wi-Fi 6 on USB-C", "five G and Wi-Fi six on USB-C"),
    ("Open 9:00-18:00.", "Open nine o'clock to eighteen hundred hours."),
    ("We are open 9am-5pm.", "We are open nine AM to five PM."),
    ("$10-$20", "ten dollars to twenty dollars"),
    ("10%-20%", "ten percent to twenty percent"),
    ("2-3kg", "two to three kilograms"),
    ("in 2024-2025", "in twenty twenty four to twenty twenty five"),
    ("FD-20418's status", "F D, two zero four one eight's status"),
    ("a Visa ending in 1234", "a Visa ending in one two three four"),
    ("4111 1111 1111 1111", "four one one one, one one one one, one one one one, one one one one"),
    ("code 007", "code zero zero seven"),
    ("½ price", "half price"),
    ("step ②", "step two"),
    ("~~old~~ new", "old new"),
]


@pytest.mark.parametrize(("written", "read"), READ)
def test_is_read_as_a_person_would(written: str, read: str) -> None:
    assert en.spoken(written) == read


@pytest.mark.parametrize("written", [written for written, _ in READ])
def test_no_digit_is_left_to_the_engine(written: str) -> None:
    assert not any(character.isdigit() for character in en.spoken(written))


@pytest.mark.parametrize("read", [read for _, read in READ])
def test_words_stay_as_they_are(read: str) -> None:
    assert en.spoken(read) == read
